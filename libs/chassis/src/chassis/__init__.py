"""The mechanism every service shares. It knows no word of the business."""
