"""The methods of fine-tuning, and the model that is trained."""
