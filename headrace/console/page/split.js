// A split of traffic while it is edited: shares in percent that always come to 100.

// The shares of variants by their weights.
export function shares(weights) {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => (total ? (100 * weight) / total : 0));
}

// The shares when variant `at` gets `value` percent: the others keep their proportions in what is left.
export function moved(before, at, value) {
  const wanted = Math.min(100, Math.max(0, value));
  const rest = before.reduce((sum, share, place) => (place === at ? sum : sum + share), 0);
  const others = before.length - 1;
  if (!others) return [100];
  const first = at === 0 ? 1 : 0;
  const found = before.map((share, place) => {
    if (place === at) return wanted;
    if (rest > 0) return (share / rest) * (100 - wanted);
    return place === first ? 100 - wanted : 0;
  });
  return rounded(found, at);
}

// With two digits; what rounding leaves goes to the largest of those that were not set by hand.
function rounded(values, at) {
  const found = values.map((value) => Math.round(value * 100) / 100);
  const rest = 100 - found.reduce((a, b) => a + b, 0);
  const largest = found.reduce((best, value, place) => (place !== at && (best < 0 || value > found[best]) ? place : best), -1);
  found[largest] = Math.round((found[largest] + rest) * 100) / 100;
  return found;
}

// Rules that send everything to the highest version, as without rules, with a variant for each version.
export function firstRules(versions) {
  const highest = Math.max(...versions);
  return { variants: [...versions].sort((a, b) => b - a).map((version) => ({ name: `v${version}`, version, weight: version === highest ? 100 : 0 })) };
}
