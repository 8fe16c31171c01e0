"""Operations between ranks: checked in every element, timed, and compared with their links."""
