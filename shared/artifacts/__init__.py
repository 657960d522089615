"""What is made once and read often, with a `manifest` of every file.

A bundle (of a model, of a ranker) lies in a `store`, and `aliases` name it by `promotion`. What is
derived (an index, a snapshot) is the newest of its `versions`.
"""
