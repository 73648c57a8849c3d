"""What people read, held to rules: pages, commands they are advised, words, licences, languages."""
