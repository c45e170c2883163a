"""Images: resizing, cropping, colour, boxes, warping and codecs."""
