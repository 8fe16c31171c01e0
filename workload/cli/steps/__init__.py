"""Steps that several commands share: each records and shows what it finds."""
