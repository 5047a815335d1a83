"""Figures of the paper, one module per family; `style` holds what they share.

A function takes arrays and returns a matplotlib figure together with what only the data can tell:
criteria as they came out, groups left out, values cut. These sentences belong in the caption.
"""
