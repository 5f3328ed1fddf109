// What no attribute of htmx says. Everything works without it, only less comfortably.

// "/" goes to the page's search field, as in Airflow's lists.
addEventListener("keydown", event => {
  const field = document.querySelector("input[type=search]")
  if (event.key !== "/" || !field || event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  field.focus()
})

// An answer that says why something was refused is shown where the answer would have been.
addEventListener("htmx:beforeSwap", event => {
  if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) {
    event.detail.shouldSwap = true
    event.detail.isError = false
  }
})

// A live page that the server does not answer says so, instead of looking fresh.
addEventListener("htmx:sendError", () => document.body.classList.add("offline"))
addEventListener("htmx:afterOnLoad", () => document.body.classList.remove("offline"))

// Ages go on by themselves between two answers; the server's clock counts.
const ahead = new Date(document.body.dataset.now).getTime() - Date.now()
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = Math.max(0, Math.round((Date.now() + ahead - new Date(time.dateTime)) / 1000))
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"]].find(([size]) => seconds >= 2 * size) ?? [1, "s"]
    const text = `${Math.floor(seconds / size)} ${unit} ago`
    if (time.textContent !== text) time.textContent = text
  }
}, 1000)
