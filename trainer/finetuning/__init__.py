"""Fine-tuning on a task: its files, the classifier, its training and metrics, and the model for serving."""

# Files of its output: what it tells of itself, and the model's variables.
FINETUNING = "finetuning.json"
CLASSIFIER = "classifier.safetensors"
