// Sets the chosen look before anything is drawn, so that a dark page never flashes white. Not a module: modules wait.
{
  const chosen = (() => {
    try {
      return localStorage.getItem("promptlet.theme");
    } catch {
      return null; // storage is switched off: the system's look it is
    }
  })();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
