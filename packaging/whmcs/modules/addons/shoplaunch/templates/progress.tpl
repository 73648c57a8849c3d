<style>
{literal}
.shoplaunch { --sl-accent: #0d6e67; --sl-soft: #5c6b6f; --sl-line: #dcd9d0; --sl-bad: #b3341f; max-inline-size: 36rem; margin: 2rem auto; padding: 1.75rem; border: 1px solid var(--sl-line); border-radius: 14px; background: #fff; color: #1d2b2f; text-align: start; line-height: 1.6; box-sizing: border-box; }
.shoplaunch[dir="rtl"] { font-family: Vazirmatn, Vazir, "Noto Sans Arabic", "Segoe UI", Tahoma, "DejaVu Sans", sans-serif; line-height: 1.9; }
.shoplaunch h2 { margin: 0 0 0.4rem; font-size: 1.5rem; line-height: 1.4; }
.shoplaunch p { margin: 0; color: var(--sl-soft); }
.shoplaunch-line { display: flex; justify-content: space-between; gap: 1rem; margin: 1.4rem 0 0.4rem; font-weight: 600; }
.shoplaunch-line bdi { overflow-wrap: anywhere; font-weight: 400; }
.shoplaunch progress { appearance: none; -webkit-appearance: none; display: block; border: 0; inline-size: 100%; block-size: 0.55rem; border-radius: 99px; overflow: hidden; background: #ecebe5; color: var(--sl-accent); }
.shoplaunch progress::-webkit-progress-bar { background: #ecebe5; }
.shoplaunch progress::-webkit-progress-value { background: var(--sl-accent); border-radius: 99px; transition: inline-size 0.8s ease; }
.shoplaunch progress::-moz-progress-bar { background: var(--sl-accent); }
.shoplaunch ol { list-style: none; margin: 1.4rem 0 0; padding: 0; }
.shoplaunch li { display: flex; align-items: center; gap: 0.7rem; padding: 0.3rem 0; color: var(--sl-soft); }
.shoplaunch li::before { content: ""; flex: none; box-sizing: border-box; inline-size: 1rem; block-size: 1rem; border-radius: 50%; border: 2px solid var(--sl-line); }
.shoplaunch li.done { color: inherit; }
.shoplaunch li.done::before { border-color: var(--sl-accent); background: var(--sl-accent); }
.shoplaunch li.now { color: inherit; font-weight: 600; }
.shoplaunch li.now::before { border-color: var(--sl-accent); animation: shoplaunch-breathe 1.6s ease-in-out infinite; }
.shoplaunch[data-mood="trouble"] li.now::before { border-color: var(--sl-bad); animation: none; }
.shoplaunch-doors { display: flex; flex-wrap: wrap; column-gap: 0.7rem; }
.shoplaunch-doors a { margin-block-start: 1.4rem; padding: 0.5rem 1.2rem; border-radius: 9px; border: 1px solid var(--sl-line); color: inherit; text-decoration: none; font-weight: 600; }
.shoplaunch-doors a.first { background: var(--sl-accent); border-color: var(--sl-accent); color: #fff; }
.shoplaunch-again a { color: var(--sl-accent); }
.shoplaunch [hidden] { display: none; }
@keyframes shoplaunch-breathe { 50% { opacity: 0.3; } }
@media (prefers-reduced-motion: reduce) { .shoplaunch li.now::before { animation: none; } }
{/literal}
</style>
<div class="shoplaunch" id="shoplaunch" dir="{$text.direction}" lang="{$text.code}" data-mood="{$shop.mood|escape}" data-moving="{if $shop.moving}1{/if}" data-poll="{$shop.poll|escape}">
  <div aria-live="polite">
    <h2 data-text="title">{$shop.title|escape}</h2>
    <p data-text="sentence">{$shop.sentence|escape}</p>
  </div>
  <div class="shoplaunch-line"><bdi dir="ltr">{$shop.domain|escape}</bdi><span data-text="percent_text">{$shop.percent_text|escape}</span></div>
  <progress max="100" value="{$shop.percent}" aria-label="{$text.progress|escape}">{$shop.percent_text|escape}</progress>
  <ol>
    {foreach $shop.milestones as $step}<li class="{$step.state|escape}">{$step.label|escape}</li>
    {/foreach}
  </ol>
  {if $shop.moving}<noscript><p class="shoplaunch-again"><a href="index.php?m=shoplaunch&amp;service={$shop.service}">{$text.again|escape}</a></p></noscript>{/if}
  <div class="shoplaunch-doors">
    <a class="first" data-door="shop_url" data-text="visit" href="{$shop.shop_url|escape}"{if !$shop.shop_url} hidden{/if}>{$shop.visit|escape}</a>
    <a data-door="details" href="{$shop.details|escape}"{if !$shop.details} hidden{/if}>{$text.details|escape}</a>
  </div>
</div>
<script>
{literal}
(function () {
  var page = document.getElementById('shoplaunch');
  var pause = 5000;
  function show(news) {
    page.dataset.mood = news.mood;
    page.dataset.moving = news.moving ? '1' : '';
    page.querySelectorAll('[data-text]').forEach(function (place) {
      var text = news[place.dataset.text];
      if (place.textContent !== text) { place.textContent = text; }
    });
    page.querySelector('progress').value = news.percent;
    var list = page.querySelector('ol');
    list.textContent = '';
    news.milestones.forEach(function (step) {
      var line = document.createElement('li');
      line.className = step.state;
      line.textContent = step.label;
      list.appendChild(line);
    });
    page.querySelectorAll('[data-door]').forEach(function (door) {
      var to = news[door.dataset.door];
      door.hidden = !to;
      if (to) { door.href = to; }
    });
  }
  function ask() {
    if (!page.dataset.moving) { return; }
    fetch(page.dataset.poll, { credentials: 'same-origin', headers: { Accept: 'application/json' } })
      .then(function (answer) {
        if (!answer.ok) { throw new Error('later'); }
        return answer.json();
      })
      .then(function (news) { pause = 5000; show(news); })
      .catch(function () { pause = Math.min(pause * 2, 60000); })
      .then(function () { setTimeout(ask, pause); });
  }
  ask();
}());
{/literal}
</script>
