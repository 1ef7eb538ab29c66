"""Proofs that the package can fail, and that the workbook and the connectors' pages run."""
