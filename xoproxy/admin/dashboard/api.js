// Ask the admin endpoint.

/** Return a JSON answer.  Throws an `Error` whose message is what the endpoint says is wrong. */
export async function ask(path, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null));
  return read(await fetchIt(search.size ? `${path}?${search}` : path));
}

/** Send a JSON value, or nothing; return the answer, whatever its status if it is one of `fine`. */
export async function send(path, value, fine = []) {
  const content = value === undefined ? {} : { body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
  return read(await fetchIt(path, { method: "POST", ...content }), fine);
}

async function fetchIt(path, options = {}) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Error("the proxy does not answer");
  }
}

async function read(response, fine = []) {
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Error(`the answer cannot be read (status ${response.status})`);
  }
  if (!response.ok && !fine.includes(response.status)) {
    throw new Error(answer.error ?? `the answer has status ${response.status}`);
  }
  return answer;
}
