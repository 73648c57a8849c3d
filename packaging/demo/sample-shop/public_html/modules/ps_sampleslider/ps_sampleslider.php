<?php // A module's main file; this one only has a name.

class Ps_SampleSlider
{
    public const NAME = 'ps_sampleslider';
}
