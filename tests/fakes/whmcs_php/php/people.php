<?php
/** Who is at the page, the service model, and menus: as much of them as is documented. */

declare(strict_types=1);

namespace WHMCS\Authentication {

    final class CurrentUser
    {
        public function isAuthenticatedUser(): bool
        {
            return isset($_SESSION['uid']);
        }

        public function isAuthenticatedAdmin(): bool
        {
            return isset($_SESSION['adminid']);
        }

        public function isMasqueradingAdmin(): bool
        {
            return isset($_SESSION['adminid'], $_SESSION['uid']);
        }

        public function client(): ?\stdClass
        {
            return isset($_SESSION['uid']) ? (object) ['id' => (int) $_SESSION['uid']] : null;
        }
    }
}

namespace WHMCS\View\Menu {

    final class Item
    {
        private $name;
        private $uri;
        private $children = [];

        public function __construct(string $name, string $uri = '')
        {
            [$this->name, $this->uri] = [$name, $uri];
        }

        public function addChild(string $name, array $options = []): self
        {
            return $this->children[$name] = new self($name, $options['uri'] ?? '');
        }

        public function getChild(string $name): ?self
        {
            return $this->children[$name] ?? null;
        }

        public function removeChild(string $name): self
        {
            unset($this->children[$name]);
            return $this;
        }

        /** @return array<string, self> */
        public function getChildren(): array
        {
            return $this->children;
        }

        public function getName(): string
        {
            return $this->name;
        }

        public function getUri(): string
        {
            return $this->uri;
        }

        /** Return the names of everything below, for a page that shows them. */
        public function names(): array
        {
            $names = [];
            foreach ($this->children as $name => $child) {
                $names[] = (string) $name;
                array_push($names, ...$child->names());
            }
            return $names;
        }
    }
}

namespace {

    final class Menu
    {
        public static $service = null;

        public static function context(string $name): ?stdClass
        {
            return $name === 'service' ? self::$service : null;
        }
    }
}
