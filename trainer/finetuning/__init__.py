"""Fine-tuning on a task: the tasks and their files, the classifier, its loop and metrics."""

# The model's variables in its output.
CLASSIFIER = "classifier.safetensors"
