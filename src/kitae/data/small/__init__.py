"""What helps when there is little data, or little of some kinds of it: balance, augmentation, self-training.

All of it changes the training split only, after the split was drawn, so that nothing made from a row can stand on
another side than the row. `enlarging` is the stage; each step takes the training rows and gives them back with what it
added or left out, and with figures for the report.
"""
