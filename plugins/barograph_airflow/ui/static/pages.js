// What no attribute of htmx says. Everything works without it, only less comfortably.

// "/" goes to the page's search field, as in Airflow's lists.
addEventListener("keydown", event => {
  const field = document.querySelector("input[type=search]")
  if (event.key !== "/" || !field || event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  field.focus()
})

// On a telephone the tabs are wider than the screen: the one that is shown is to be seen.
addEventListener("DOMContentLoaded", () => document.querySelector(".tabs [aria-current]")?.scrollIntoView({inline: "center", block: "nearest"}))

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

// A chart is made as wide as its place is.
addEventListener("htmx:configRequest", event => {
  if (event.target.dataset.width !== undefined) event.detail.parameters.width = Math.round(event.target.clientWidth)
})

// Pointing at a chart says what is there; drawing over it shows that stretch of time.
const at = (plot, event) => {
  const box = plot.getBoundingClientRect()
  return (event.clientX - box.left) * plot.viewBox.baseVal.width / box.width
}
const field = plot => plot.querySelector(".field")
let begun = null
addEventListener("pointermove", event => {
  const plot = event.target.closest?.(".plot")
  if (!plot) return
  plot.points ??= JSON.parse(plot.dataset.points)
  const x = at(plot, event)
  const [px, py, time, text] = plot.points.reduce((best, one) => Math.abs(one[0] - x) < Math.abs(best[0] - x) ? one : best)
  const top = field(plot).y.baseVal.value, high = field(plot).height.baseVal.value
  plot.querySelector(".cursor").setAttribute("d", `M${px} ${top}v${high}M${px - 4} ${py}h8`)
  plot.parentElement.querySelector(".told").textContent = `${time}   ${text}`
  if (begun?.plot === plot) {
    begun.box.setAttribute("x", Math.min(begun.x, x))
    begun.box.setAttribute("width", Math.abs(x - begun.x))
  }
})
addEventListener("pointerdown", event => {
  const plot = event.target.closest?.(".plot")
  if (!plot || event.pointerType === "touch" || event.button) return
  const box = document.createElementNS("http://www.w3.org/2000/svg", "rect")
  const {y, height} = field(plot)
  for (const [name, value] of [["class", "chosen"], ["y", y.baseVal.value], ["height", height.baseVal.value]]) box.setAttribute(name, value)
  plot.append(box)
  begun = {plot, box, x: at(plot, event)}
})
addEventListener("pointerup", event => {
  if (!begun) return
  const {plot, box, x} = begun
  begun = null
  box.remove()
  const ends = [x, at(plot, event)].sort((one, other) => one - other)
  if (ends[1] - ends[0] < 8) return
  const left = field(plot).x.baseVal.value, wide = field(plot).width.baseVal.value
  const {start, end, device} = plot.dataset
  const times = ends.map(place => {
    const share = Math.min(1, Math.max(0, (place - left) / wide))
    return new Date((Number(start) + share * (end - start)) * 1000).toISOString()
  })
  const address = new URL(device, location)
  address.searchParams.set("from", times[0])
  address.searchParams.set("to", times[1])
  location.assign(address)
})
