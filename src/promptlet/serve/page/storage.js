// What this browser remembers. Storage may be full or switched off; then the page forgets, and works all the same.

const PREFIX = "promptlet.";

function open(kind) {
  return {
    get(name) {
      try {
        return JSON.parse(window[kind].getItem(PREFIX + name));
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        if (value === null) window[kind].removeItem(PREFIX + name);
        else window[kind].setItem(PREFIX + name, JSON.stringify(value));
        return true;
      } catch {
        return false;
      }
    },
  };
}

export const lasting = open("localStorage");
export const session = open("sessionStorage"); // gone when the tab is closed
