// Counts in the page's memory, if the browser let the page share it.
onmessage = ({ data: memory }) => {
  if (memory === null || !self.crossOriginIsolated) {
    postMessage({});
    return;
  }
  const counter = new Int32Array(memory);
  for (let step = 0; step < 1000; step += 1) {
    Atomics.add(counter, 0, 1);
  }
  postMessage({ counted: Atomics.load(counter, 0) });
};
