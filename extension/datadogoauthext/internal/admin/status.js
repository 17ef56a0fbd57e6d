// Puts what changed into the page that is open, every five seconds while somebody sees it. The server answers with texts, classes and the
// sizes of bars, by the names that the page's elements have; nothing here makes markup.
(() => {
  'use strict';
  const every = 5000, patience = 10000, mostSaid = 3;
  const page = document.body, path = page.dataset.live;
  const more = document.getElementById('more'), at = document.getElementById('at');
  const state = document.getElementById('state'), said = document.getElementById('said');
  const groups = new Map(); // name of the group, then name of the slot, to the elements that show it
  for (const element of document.querySelectorAll('[data-k]')) {
    const group = element.closest('[data-g]').dataset.g, key = element.dataset.k;
    if (!groups.has(group)) groups.set(group, new Map());
    const slots = groups.get(group);
    if (!slots.has(key)) slots.set(key, []);
    slots.get(key).push(element);
  }
  document.getElementById('reload').setAttribute('href', location.href);
  let timer, asking = false;

  // put shows one slot, and reports whether its class changed for the worse or the better.
  function put(element, slot) {
    if (slot.height !== undefined) {
      element.setAttribute('y', slot.y);
      element.setAttribute('height', slot.height);
      return false;
    }
    const text = slot.t || '', name = slot.c || '';
    if (element.textContent !== text) element.textContent = text;
    if (element.hasAttribute('class') && (element.getAttribute('class') || '') !== name) {
      element.setAttribute('class', name);
      if (/^(chip|flow)/.test(name)) return true;
    }
    if (element.localName === 'span' || element.localName === 'bdi' || element.localName === 'li' || element.localName === 'p') element.hidden = text === '';
    return false;
  }

  function show(answer) {
    const news = [];
    for (const [group, elements] of groups) {
      if (!Object.hasOwn(answer.groups, group)) continue; // it left the list; the stamp says so
      const slots = answer.groups[group];
      for (const [key, shown] of elements) {
        if (!Object.hasOwn(slots, key)) continue;
        const worse = shown.map((element) => put(element, slots[key]));
        if (worse.includes(true) && slots[key].t) news.push((group ? group + ': ' : '') + slots[key].t);
      }
    }
    at.textContent = answer.at;
    more.hidden = answer.stamp === page.dataset.stamp;
    if (news.length > 0) {
      const rest = news.length - mostSaid;
      said.textContent = news.slice(0, mostSaid).join('. ') + (rest > 0 ? '. And ' + rest + ' more changes' : '');
    }
    state.textContent = 'Live.';
    state.className = 'live';
  }

  function fail(text) {
    if (state.textContent === text) return;
    state.textContent = text;
    state.className = 'stale';
    said.textContent = text;
  }

  async function ask() {
    if (asking || document.visibilityState !== 'visible') return;
    asking = true;
    clearTimeout(timer);
    let again = true;
    try {
      const answer = await fetch(path, { signal: AbortSignal.timeout(patience), redirect: 'error', headers: { Accept: 'application/json' } });
      if (answer.ok) show(await answer.json());
      else if (answer.status === 401) {
        again = false;
        fail('Not live any more: you are logged out. Reload to log in.');
      } else if (answer.status === 404) {
        again = false;
        fail('Not live any more: this tenant is gone.');
      } else fail('Not live: the collector answers ' + answer.status + '.');
    } catch {
      fail('Not live: the collector does not answer.');
    }
    asking = false;
    if (again) timer = setTimeout(ask, every);
  }

  document.addEventListener('visibilitychange', ask);
  state.textContent = 'Live.';
  state.className = 'live';
  timer = setTimeout(ask, every);
})();
