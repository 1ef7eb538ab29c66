// What scripts of others define: Microsoft's analyzer of KQL, and the charts of the preview.
declare const Bridge: any;
declare const Kusto: any;
declare const Plotly: any;
