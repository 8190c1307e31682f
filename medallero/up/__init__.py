"""What `medallero up` does: it provides services, starts them, and watches over them."""
