"""What of a page cannot be read, or cannot be named, by people who see little, see nothing, or use no mouse."""

# Each text's colour against the ground behind it, by WCAG 2.2's formula; large text may have less.  (WCAG 2.2 §1.4.3)
FAINT = """() => {
    const parse = text => {
        const parts = text.match(/[\\d.]+/g).map(Number);
        return {rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1};
    };
    const mix = (top, below) => top.rgb.map((part, index) => part * top.alpha + below[index] * (1 - top.alpha));
    const ground = element => {
        if (!element) {
            return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
        }
        const own = parse(getComputedStyle(element).backgroundColor);
        return own.alpha === 1 ? own.rgb : mix(own, ground(element.parentElement));
    };
    const light = rgb => {
        const [red, green, blue] = rgb.map(part => part / 255).map(
            part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const faint = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(':disabled')) {
            continue;
        }
        const style = getComputedStyle(element);
        const behind = ground(element);
        const [dark, bright] = [light(mix(parse(style.color), behind)), light(behind)].sort((one, other) => one - other);
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) {
            faint.add(`${walker.currentNode.data.trim().slice(0, 40)}: ${contrast.toFixed(2)} in ${element.className}`);
        }
    }
    return [...faint];
}"""

# What assistive technology could not name, and what breaks the order of a page.
NAMELESS = """() => {
    const found = [];
    for (const field of document.querySelectorAll('input, select, textarea')) {
        if (!field.labels.length) {
            found.push(`no label: ${field.outerHTML}`);
        }
    }
    for (const each of document.querySelectorAll('a, button, summary')) {
        if (!(each.textContent.trim() || each.getAttribute('aria-label'))) {
            found.push(`no name: ${each.outerHTML}`);
        }
    }
    for (const each of document.querySelectorAll('table:not(.u-legend)')) {
        if (!each.caption || !each.querySelector('th[scope]')) {
            found.push(`no caption or head: ${each.outerHTML.slice(0, 100)}`);
        }
    }
    for (const each of document.querySelectorAll('nav, section[aria-label], [role=region], [role=img], img')) {
        if (!each.hasAttribute('aria-label') && !each.hasAttribute('alt')) {
            found.push(`no name: ${each.outerHTML.slice(0, 100)}`);
        }
    }
    const ids = [...document.querySelectorAll('[id]')].map(each => each.id);
    found.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map(id => `twice: ${id}`));
    const levels = [...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1]));
    const isSkipped = levels.some((level, index) => index && level > levels[index - 1] + 1);
    if (isSkipped || levels.filter(level => level === 1).length !== 1) {
        found.push(`headings: ${levels}`);
    }
    return found;
}"""
