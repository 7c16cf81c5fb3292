// Runs before the first paint, so that a chosen theme doesn't flash in the other one. A file of its own and not
// inline, because the Content-Security-Policy allows scripts of this host only. The application takes over from here
// (src/lib/theme.svelte.ts) with the same two keys.
;(function () {
  var stored = function (key) {
    try {
      return localStorage.getItem(key)
    } catch (blocked) {
      return null
    }
  }
  var prefers = function (query) {
    return matchMedia(query).matches
  }
  var theme = stored('plantgate.theme')
  var contrast = stored('plantgate.contrast')
  var root = document.documentElement
  root.dataset.theme = theme === 'light' || theme === 'dark' ? theme : prefers('(prefers-color-scheme: dark)') ? 'dark' : 'light'
  root.dataset.contrast = contrast === 'more' || (contrast !== 'normal' && prefers('(prefers-contrast: more)')) ? 'more' : 'normal'
})()
