"""A really installed PrestaShop goes the whole way: packed, ordered, started by cron, visited, killed, repaired."""
