"""Networks shared by the engines: tensors in, tensors out, nothing of one engine in them."""
