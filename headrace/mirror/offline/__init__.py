"""What a mirror has without asking anybody."""
