"""Generated from the .proto files of this folder; see ``protos.generate``."""
