"""KQL, executed by a local engine and judged by Microsoft's analyzer."""
