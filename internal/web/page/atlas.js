(() => {
  const list = document.querySelector("[data-list]"), tools = document.querySelector("[data-tools]");
  const find = tools.querySelector("input"), order = tools.querySelector("select"), count = tools.querySelector("output");
  const none = document.querySelector("[data-none]");
  const items = Array.from(list.children);
  const number = (item, key) => Number(item.dataset[key]);
  const byName = (a, b) => (a.dataset.name < b.dataset.name ? -1 : a.dataset.name > b.dataset.name ? 1 : number(a, "number") - number(b, "number"));
  const show = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      item.hidden = !words.every((word) => item.dataset.words.includes(word));
      shown += item.hidden ? 0 : 1;
    }
    count.textContent = shown === items.length ? `${shown.toLocaleString("en")} latents` : `${shown.toLocaleString("en")} of ${items.length.toLocaleString("en")} latents`;
    none.hidden = shown > 0;
  };
  const sort = () => {
    const [key, up] = order.value.split(" ");
    const sign = up ? 1 : -1;
    items.sort((a, b) => (key === "name" ? 0 : sign * (number(a, key) - number(b, key))) || byName(a, b));
    list.append(...items);
  };
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !list.contains(target)) return;
    if (target.hidden) {
      find.value = "";
      show();
    }
    target.scrollIntoView();
  };
  tools.hidden = false;
  find.addEventListener("input", show);
  order.addEventListener("change", sort);
  window.addEventListener("hashchange", reveal);
  sort();
  show();
  reveal();
})();
