"""What a large shop holds, invented: products and customers."""
