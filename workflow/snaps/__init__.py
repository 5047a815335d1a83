"""Saliency-Adjusted Neuron Activation Profiles (SNAPs) of speech recognition networks.

Krug et al., Electronics 2021, 10(11), 1350. The library knows neither Snakemake nor
configuration files: functions take arrays and return arrays, files are opened at the edges.
"""
