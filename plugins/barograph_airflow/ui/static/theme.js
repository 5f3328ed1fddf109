// Follow the theme that was chosen in Airflow, which keeps its choice here; unset or "system" is the browser's.
const follow = () => {
  const theme = localStorage.getItem("theme")
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
follow()
addEventListener("storage", follow)
