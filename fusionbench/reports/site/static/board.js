"use strict";
// The leaderboard: filters, and the marks of what they leave.

(() => {
  const form = document.getElementById("filters");
  const marks = (table) => {
    const heads = [...table.tHead.rows[0].children];
    heads.forEach((head, place) => {
      const better = head.dataset.better;
      const cells = [...table.tBodies[0].rows].map((row) => row.children[place]);
      for (const cell of cells) cell.classList.remove("rank-1", "rank-2");
      if (!better) return;
      const shown = cells.filter((cell) => !cell.parentNode.hidden && cell.dataset.value !== "");
      // Equal prints share a mark.
      const values = [...new Set(shown.map((cell) => Number(cell.textContent)))].sort((a, b) => (better === "high" ? b - a : a - b));
      if (values.length < 2) return;
      for (const cell of shown) {
        const rank = values.indexOf(Number(cell.textContent)) + 1;
        if (rank <= 2) cell.classList.add(`rank-${rank}`);
      }
    });
  };
  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    let left = 0;
    for (const board of document.querySelectorAll(".board")) {
      let here = 0;
      for (const row of board.querySelectorAll("tbody tr")) {
        const { kind, year, seconds, clean, confirmed } = row.dataset;
        row.hidden = Boolean(
          (wanted.kind && kind !== wanted.kind)
          || (wanted.from && !(Number(year) >= Number(wanted.from)))
          || (wanted.seconds && !(seconds !== "" && Number(seconds) <= Number(wanted.seconds)))
          || (wanted.clean && clean !== "yes")
          || (wanted.confirmed && confirmed !== "yes"),
        );
        here += !row.hidden;
      }
      board.hidden = Boolean(
        !here || (wanted.task && board.dataset.task !== wanted.task) || (wanted.dataset && board.dataset.dataset !== wanted.dataset),
      );
      left += board.hidden ? 0 : here;
      marks(board.querySelector("table"));
    }
    document.getElementById("nothing").hidden = left > 0;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
