"""What every run shares and no lesson teaches: the command line, the run folder,
TensorBoard, the device.
"""
