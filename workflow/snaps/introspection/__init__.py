"""From a trained network to the activation and saliency maps of every frame."""
