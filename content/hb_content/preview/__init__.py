"""The workbook over rows of the demo, as one page."""
