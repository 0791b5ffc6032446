"""The one module of earlier releases' private package that programs import."""
