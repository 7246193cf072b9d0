"""Fine-tuning on a task: its files, the classifier, its training and metrics, and the model for serving."""

# The model's variables in its output.
CLASSIFIER = "classifier.safetensors"
