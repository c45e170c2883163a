"""How the mirror does: what it measures, gathered in one place, and the page that shows it."""
