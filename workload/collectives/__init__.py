"""Operations between ranks: every element checked, timed together, judged by their links."""
