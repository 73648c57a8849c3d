<?php // What all pages of the shop have in common.

declare(strict_types=1);

namespace SampleShop\Front;

use SampleShop\Catalogue;
use SampleShop\Context;
use SampleShop\View;

abstract class Controller
{
    /** @var Context */
    protected $context;
    /** @var Catalogue */
    protected $catalogue;

    public function __construct(Context $context)
    {
        $this->context = $context;
        $this->catalogue = new Catalogue($context);
    }

    abstract public function show(int $id): void;

    protected function page(string $template, array $values): void
    {
        (new View($this->context))->show($template, $values);
    }

    protected function say(string $phrase): string
    {
        return $this->context->language->say($phrase);
    }

    protected function notFound(): void
    {
        (new NotFoundController($this->context))->show(0);
    }
}
