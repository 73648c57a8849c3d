"""What the engine does with many orders on many servers while workers are killed."""
