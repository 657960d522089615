"""Files of names, sentences and behavioural tests, and what a model makes of them."""
