<div class="shoplaunch" dir="{$text.direction}" lang="{$text.code}">
  <h2>{$text.title_unknown|escape}</h2>
  <p>{$text.sentence_unknown|escape}</p>
</div>
