"""The kinds of task: a folder for each."""
