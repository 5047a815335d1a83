"""Speech: readers of every layout of TIMIT, and a synthesised corpus of the same shape."""
