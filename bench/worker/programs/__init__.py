"""The peers that are written in Python, each a program of its own.

They take what they need from the environment (:mod:`bench.worker.programs.task`) and import
nothing of the project but one another: a peer must not profit from our code, nor suffer from it.
"""
