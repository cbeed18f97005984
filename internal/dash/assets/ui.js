// What a page does beside its links and forms: it says when it is stale, it takes the token of a printed address, and it has keys.
(() => {
  'use strict';
  const byId = id => document.getElementById(id);

  // Stale: the word in the header after 10 s without an update, the notice after 15.
  const feed = document.querySelector('[hx-sse\\:connect]');
  let heard = Date.now();
  // While a page is stale nothing is changed by what it says.
  const changes = on => document.querySelectorAll('main form[method=post] button').forEach(b => { b.disabled = !on; });
  const hear = () => {
    heard = Date.now();
    document.body.classList.remove('stale');
    byId('stale').hidden = true;
    changes(true);
  };
  document.addEventListener('htmx:sse:after:message', hear);
  document.addEventListener('reload', () => location.reload());
  document.addEventListener('visibilitychange', () => { if (!document.hidden) heard = Math.max(heard, Date.now() - 5000); });
  if (feed) setInterval(() => {
    const old = Math.floor((Date.now() - heard) / 1000);
    if (document.hidden || old < 10) return;
    const live = byId('live');
    live.className = 'live stale';
    live.textContent = 'stale, ' + (old < 60 ? old + 's' : Math.floor(old / 60) + 'm' + String(old % 60).padStart(2, '0') + 's') + ' ago';
    if (old >= 15) {
      document.body.classList.add('stale');
      byId('stale').hidden = false;
      changes(false);
    }
  }, 1000);

  // The token of the printed address is behind its #, which no request has. It leaves the address once it stands in the form.
  const token = byId('token');
  if (token && location.hash.length > 1) {
    token.value = location.hash.slice(1);
    history.replaceState(null, '', location.pathname + location.search);
    byId('name').focus();
  }

  // What an action came to has the focus, so that it is read first.
  document.querySelector('main [role=alert], #done')?.setAttribute('tabindex', '-1');
  document.querySelector('main [role=alert], #done')?.focus();

  // Keys.
  const keys = byId('keys'), on = byId('keyson');
  const off = () => { try { return localStorage.getItem('keys') === 'off'; } catch { return false; } };
  on.checked = !off();
  on.addEventListener('change', () => { try { localStorage.setItem('keys', on.checked ? 'on' : 'off'); } catch { /* it holds for this page */ } });
  byId('keysclose').addEventListener('click', () => keys.close());
  const rows = () => [...document.querySelectorAll('[data-row]')];
  const step = by => {
    const all = rows(), at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) { next.focus(); next.scrollIntoView({ block: 'nearest' }); }
  };
  const go = at => { if (at) location.href = at; };
  const sub = word => [...document.querySelectorAll('nav.sub a')].find(a => a.textContent.startsWith(word))?.getAttribute('href');
  let g = 0;
  document.addEventListener('keydown', e => {
    const field = e.target.closest('input, select, textarea');
    if (e.key === 'Escape' && field) { field.blur(); return; }
    if (field || e.ctrlKey || e.metaKey || e.altKey || keys.open) return;
    const cell = e.target.closest('.hundred a');
    if (cell && e.key.startsWith('Arrow')) {
      const all = [...document.querySelectorAll('.hundred a')], at = all.indexOf(cell);
      const next = all[at + (e.key === 'ArrowRight' || e.key === 'ArrowDown' ? 1 : -1)];
      if (next) next.focus();
      e.preventDefault();
      return;
    }
    if (e.key === '?') { keys.showModal(); e.preventDefault(); return; }
    if (!on.checked) return;
    const second = Date.now() - g < 1500;
    g = 0;
    if (second && e.key === 'p') return go('/');
    if (second && e.key === 'm') return go(sub('Moves'));
    if (second && e.key === 'd') return go(sub('Dead letters'));
    if (second && e.key === 'a') return go(sub('Audit'));
    if (second && e.key === 's') return go(sub('Move positions'));
    switch (e.key) {
      case 'g': g = Date.now(); break;
      case '/': { const q = byId('q'); if (q) { q.focus(); q.select(); e.preventDefault(); } break; }
      case 'j': step(1); break;
      case 'k': step(-1); break;
      case 'e': (byId('sure') || byId('execute'))?.focus(); break;
      case 'c': document.querySelector('[data-choose]')?.click(); break;
      case 'Escape': { const up = [...document.querySelectorAll('.crumb a')].slice(0, -1).pop(); go(up ? up.getAttribute('href') : location.pathname === '/' ? '' : '/'); break; }
      case 'PageDown': { const more = document.querySelector('[data-more]'); if (more && scrollY + innerHeight > document.body.scrollHeight - 200) { e.preventDefault(); more.click(); } break; }
    }
  });
})();
