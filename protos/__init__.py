"""The gRPC contract: ``medallero/v1/*.proto`` and the modules generated from them.

``python -m protos.generate`` generates them anew.
"""
