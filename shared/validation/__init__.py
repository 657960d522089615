"""What is wrong with values from outside, said in plain sentences."""
