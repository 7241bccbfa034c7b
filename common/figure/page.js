(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var narrow = window.matchMedia("(max-width: 40rem)");
  var ramps = {
    diverging: {
      light: [[0, "#1f5fc4"], [0.25, "#93b8ea"], [0.5, "#f5f6f7"], [0.75, "#eea889"], [1, "#c2410c"]],
      dark: [[0, "#7fb0f5"], [0.25, "#2f5f9e"], [0.5, "#1c2127"], [0.75, "#a34a1d"], [1, "#ff9a5c"]]
    },
    sequential: {
      light: [[0, "#f5f7f9"], [0.5, "#7fabe3"], [1, "#123f86"]],
      dark: [[0, "#1c2127"], [0.5, "#2f6cb8"], [1, "#cfe3ff"]]
    }
  };

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function themed(text, mode) {
    var figure = JSON.parse(text), layout = figure.layout;
    var dim = mode === "dark" ? color("--dim") : "#5d6673";
    var line = mode === "dark" ? color("--line") : "#d9dee5";
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { color: dim, size: 12, family: "system-ui, sans-serif" };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: dim };
    layout.dragmode = narrow.matches ? false : "zoom";
    ["xaxis", "yaxis"].forEach(function (k) {
      layout[k].gridcolor = layout[k].zerolinecolor = line;
    });
    figure.data.forEach(function (trace) {
      if (trace.type === "heatmap") trace.colorscale = ramps[trace.meta][mode];
    });
    return figure;
  }

  function drawAll(mode) {
    document.querySelectorAll(".plot").forEach(function (box) {
      var text = document.getElementById(box.id + "-data").textContent;
      var figure = themed(text, mode);
      window.Plotly.react(box, figure.data, figure.layout, {
        responsive: true,
        displaylogo: false,
        displayModeBar: "hover",
        modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]
      });
    });
  }

  function mode() {
    return dark.matches ? "dark" : "light";
  }

  function sortBy(th) {
    var table = th.closest("table"), body = table.tBodies[0], at = th.cellIndex;
    var sign = th.getAttribute("aria-sort") === "descending" ? 1 : -1;
    var rows = Array.prototype.slice.call(body.rows).map(function (row, i) {
      var text = row.cells[at].textContent, value = parseFloat(text);
      return { row: row, i: i, text: text, value: value };
    });
    rows.sort(function (a, b) {
      var x = isNaN(a.value), y = isNaN(b.value), d = a.value - b.value;
      if (x || y) d = x && y ? (a.text < b.text ? -1 : a.text > b.text ? 1 : 0) : sign * (x - y);
      return sign * d || a.i - b.i;
    });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) {
      cell.removeAttribute("aria-sort");
    });
    th.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    rows.forEach(function (r) { body.appendChild(r.row); });
  }

  document.querySelectorAll("th button").forEach(function (button) {
    button.addEventListener("click", function () { sortBy(button.parentElement); });
  });
  if (window.Plotly) {
    drawAll(mode());
    dark.addEventListener("change", function () { drawAll(mode()); });
    narrow.addEventListener("change", function () { drawAll(mode()); });
    window.addEventListener("beforeprint", function () { drawAll("light"); });
    window.addEventListener("afterprint", function () { drawAll(mode()); });
  }
})();
