"""The portal: pages for people, in Chinese and English. It calls the same services as the JSON API and never the API itself."""
