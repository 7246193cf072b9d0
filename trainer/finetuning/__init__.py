"""Fine-tuning on a task: the tasks and their files, the classifier, its loop and metrics."""

# Files of its output: the figures, and the model's variables.
FINETUNING = "finetuning.json"
CLASSIFIER = "classifier.safetensors"
